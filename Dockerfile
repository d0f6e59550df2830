# dejavu without a GPU. Build in a clone:  docker build -t dejavu .
# Run in a project (dejavu init):          docker run --rm -v "$PWD":/work dejavu dvc repro
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv
COPY . /src
# Wheels of torch without CUDA: a quarter of the size
RUN uv pip install --system --no-cache --torch-backend cpu /src && rm -rf /src
WORKDIR /work
CMD ["dejavu", "--help"]
