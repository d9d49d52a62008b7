# A program that times a part of src/core: PROGRAM, and OBJECTS beside the program's own; it lands in build/bench/FOLDER.
CORE = ../../src/core
OUT = ../../build/bench/$(notdir $(CURDIR))
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -Werror
CPPFLAGS += -I$(CORE) -I.. -MMD -MP
PARTS = $(addprefix $(OUT)/, $(PROGRAM).o $(OBJECTS))

all: $(OUT)/$(PROGRAM)

$(OUT)/$(PROGRAM): $(PARTS)
	$(CC) $(LDFLAGS) -o $@ $^ -lm

$(OUT)/%.o: $(CORE)/%.c | $(OUT)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/%.o: %.c | $(OUT)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUT):
	mkdir -p $@

clean:
	rm -rf $(OUT)

.PHONY: all clean

-include $(PARTS:.o=.d)
