#!/usr/bin/python3
"""Checks the JSON document on standard input against a schema of the runtime specification.

    schema.py DIRECTORY NAME        e.g. ../shared/specs/runtime/schema config-schema.json
"""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import jsonschema  # noqa: E402: the library warns of its own resolver when it is imported


def main():
    directory, name = sys.argv[1:3]
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        schema = json.load(file)
    resolver = jsonschema.RefResolver("file://" + os.path.join(os.path.abspath(directory), name), schema)
    errors = list(jsonschema.Draft4Validator(schema, resolver=resolver).iter_errors(json.load(sys.stdin)))
    for error in errors:
        print("%s: %s" % (".".join(map(str, error.absolute_path)), error.message), file=sys.stderr)
    return 1 if errors else 0


sys.exit(main())
