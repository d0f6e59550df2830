"""reports/index.html: the answer, how sure it is, the paper's figures and where everything comes from."""
