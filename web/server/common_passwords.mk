# The list of refused passwords, for the two makefiles that compile password_rules.c; both are two
# folders below the root.
COMMON_PASSWORDS ?= /usr/lib/python3/dist-packages/zxcvbn/frequency_lists.py
GENERATED = ../../build/generated

$(GENERATED)/common_passwords.inc: ../../web/server/common_passwords.sh $(wildcard $(COMMON_PASSWORDS))
	@mkdir -p $(@D)
	@$< '$(COMMON_PASSWORDS)' >$@.part
	@mv $@.part $@
