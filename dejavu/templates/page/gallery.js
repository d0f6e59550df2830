/* The galleries of the report page. */
"use strict";
