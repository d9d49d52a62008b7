"""C arrays of reference values, as the generators beside this file print them."""

COLUMNS = 110


def write_array(kind, name, items):
    print(f"\nstatic const {kind} {name}[] = {{")
    line = ""
    for item in items:
        if len(line) + len(item) > COLUMNS:
            print("\t" + line.rstrip())
            line = ""
        line += item + ", "
    print("\t" + line.rstrip() + "\n};")
