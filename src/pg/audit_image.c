#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "audit.h"

#define SALT_SIZE 16

/* The settings that texts of values depend on, and what they are in the log. */
static const struct
{
	const char *name;
	const char *value;
}			pinned[] = {
	{"TimeZone", "UTC"},
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
	{"search_path", "pg_catalog"},
};

/* Sets those that differ, which is only noticed by their text; most sessions differ in two or three. */
static int
pin_settings(void)
{
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(pinned); i++)
	{
		const char *now = GetConfigOption(pinned[i].name, false, false);

		if (strcmp(now, pinned[i].value) != 0)
			(void) set_config_option(pinned[i].name, pinned[i].value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
									 0, false);
	}
	return level;
}

/* A salted digest: equal values cannot be told from their entries, and a value cannot be guessed by trying. */
static char *
redact(const char *value)
{
	RigHasher	hasher = rig_audit_hasher();
	uint8		salt[SALT_SIZE];
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	RigBytes	parts[] = {{salt, sizeof(salt)}, {value, strlen(value)}};
	char	   *text = palloc(2 * (sizeof(salt) + sizeof(digest)) + 2);
	uint64		length;

	if (!pg_strong_random(salt, sizeof(salt)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	hasher.sha256(hasher.context, parts, lengthof(parts), digest);
	length = hex_encode((const char *) salt, sizeof(salt), text);
	text[length++] = ':';
	length += hex_encode((const char *) digest, sizeof(digest), text + length);
	text[length] = '\0';
	return text;
}

static bool
is_named(const char *column, int count, const char *const *names)
{
	for (int i = 0; i < count; i++)
		if (strcmp(column, names[i]) == 0)
			return true;
	return false;
}

static RigAuditColumn
make_column(Form_pg_attribute attribute, Datum value, bool isnull, bool redacted)
{
	RigAuditColumn column = {.attnum = attribute->attnum, .flag = RIG_AUDIT_NULL, .value = rig_audit_text(NULL)};
	Oid			output;
	bool		is_varlena;
	char	   *text;

	column.name = rig_audit_text(pstrdup(NameStr(attribute->attname)));
	column.type = rig_audit_text(format_type_extended(attribute->atttypid, attribute->atttypmod,
													  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	if (isnull)
		return column;
	getTypeOutputInfo(attribute->atttypid, &output, &is_varlena);
	text = OidOutputFunctionCall(output, value);
	column.flag = redacted ? RIG_AUDIT_REDACTED : RIG_AUDIT_TEXT;
	column.value = rig_audit_text(redacted ? redact(text) : text);
	return column;
}

RigAuditImage
rig_audit_image(HeapTuple row, TupleDesc columns, const Bitmapset *only, int redacted_count,
				const char *const *redacted)
{
	RigAuditImage image = {.present = true, .columns = palloc(columns->natts * sizeof(RigAuditColumn))};
	int			level = pin_settings();

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(columns, i);
		Datum		value;
		bool		isnull;

		if (attribute->attisdropped ||
			(only != NULL && !bms_is_member(attribute->attnum - FirstLowInvalidHeapAttributeNumber, only)))
			continue;
		value = heap_getattr(row, attribute->attnum, columns, &isnull);
		image.columns[image.count++] = make_column(attribute, value, isnull,
												   is_named(NameStr(attribute->attname), redacted_count, redacted));
	}
	AtEOXact_GUC(true, level);
	return image;
}
