"""Whether each file named is a bill of materials by CycloneDX's own schema, strictly: no field that it does not know."""
import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        sys.exit(f"{path}: {error.data.json_path}: {error.data.message}")
    # What the schema cannot say: each reference is to something that is there, once.
    bill = json.loads(text)
    named = [part["bom-ref"] for part in [bill["metadata"]["component"], *bill["components"]]]
    if len(named) != len(set(named)):
        sys.exit(f"{path}: a component stands twice")
    for needs in bill["dependencies"]:
        for ref in [needs["ref"], *needs["dependsOn"]]:
            if ref not in named:
                sys.exit(f"{path}: {ref} is needed and no component")
