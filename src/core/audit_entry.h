/*
 * One entry of the audit log as bytes: what is hashed, stored and checked. Version 1, big-endian:
 *
 *   "RGA1", u8 kind, u8 flags, 16 bytes log id, u32 epoch, u32 chain, u64 entry id, u64 transaction,
 *   i64 time of the event, i64 time of the transaction, eleven texts in the order of RigAuditEntry,
 *   the images key, old and new
 *   text    i32 length or -1 for NULL, bytes of UTF-8
 *   image   u8 present, u16 columns, per column i16 number, text name, text type, u8 flag, text value
 *
 * The bytes are stored as they were hashed and are never made a second time from columns, because
 * the text of a value depends on settings. Every entry has exactly one encoding, and what decodes
 * encodes to the same bytes.
 */
#ifndef RIG_AUDIT_ENTRY_H
#define RIG_AUDIT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "status.h"

#define RIG_AUDIT_LOG_ID 16
#define RIG_AUDIT_MAX_COLUMNS UINT16_MAX

typedef enum RigAuditKind
{
	RIG_AUDIT_INSERT = 1,
	RIG_AUDIT_UPDATE,
	RIG_AUDIT_DELETE,
	RIG_AUDIT_TRUNCATE,
	RIG_AUDIT_BASELINE,
	RIG_AUDIT_DDL,
	RIG_AUDIT_LOGIN,
	RIG_AUDIT_LOGOUT,
	RIG_AUDIT_TOKEN,
	RIG_AUDIT_NOTE,
	RIG_AUDIT_GUARD,
	RIG_AUDIT_EPOCH,
	RIG_AUDIT_RETENTION,
	RIG_AUDIT_INCIDENT,
	RIG_AUDIT_ALARM,
	RIG_AUDIT_REFUSAL
} RigAuditKind;

/* How a column's value is to be read. */
enum
{
	RIG_AUDIT_NULL = 0,			/* there is no value */
	RIG_AUDIT_TEXT = 1,			/* the output of the type */
	RIG_AUDIT_REDACTED = 2		/* a salted hash in place of a secret */
};

/* Text without terminator; the bytes of NULL and of the empty text may be NULL. */
typedef struct RigAuditText
{
	const char *bytes;
	int32_t		length;			/* -1 = NULL */
} RigAuditText;

typedef struct RigAuditColumn
{
	int16_t		attnum;
	RigAuditText name;
	RigAuditText type;
	uint8_t		flag;
	RigAuditText value;			/* NULL exactly with RIG_AUDIT_NULL */
} RigAuditColumn;

/* Some columns of a row; an absent image has none. */
typedef struct RigAuditImage
{
	bool		present;
	int32_t		count;
	RigAuditColumn *columns;
} RigAuditImage;

typedef struct RigAuditEntry
{
	uint8_t		kind;			/* of RigAuditKind; others are kept as they are */
	uint8_t		flags;
	uint8_t		log_id[RIG_AUDIT_LOG_ID];
	uint32_t	epoch;
	uint32_t	chain;
	uint64_t	entry_id;
	uint64_t	xid;
	int64_t		at;				/* microseconds since 1970 UTC */
	int64_t		xact_at;
	RigAuditText session_user;
	RigAuditText current_user;
	RigAuditText app_user;
	RigAuditText app_session;
	RigAuditText client_address;
	RigAuditText source;
	RigAuditText machine;
	RigAuditText schema;
	RigAuditText relation;
	RigAuditText operation;
	RigAuditText reason;
	RigAuditImage key;
	RigAuditImage old;
	RigAuditImage new;
} RigAuditEntry;

/* Bytes of the encoding; 0 for an entry that has none: see RigAuditText, RigAuditColumn and RigAuditImage. */
extern size_t rig_audit_entry_size(const RigAuditEntry *entry);

/* Writes the rig_audit_entry_size bytes; nothing when they are 0. Texts must be UTF-8 already. */
extern void rig_audit_entry_encode(const RigAuditEntry *entry, uint8_t *out);

/*
 * Texts of the result point into bytes, columns are memory of arena. RIG_INVALID_ARGUMENT when the
 * bytes are no entry, from the first to the last; then the result is undefined. Trusts nothing: a
 * length is checked before it is used, a text is UTF-8 without zero bytes, and a crafted input never
 * takes more memory than a small multiple of its length.
 */
extern RigStatus rig_audit_entry_decode(RigAuditEntry *entry, RigArena *arena, const uint8_t *bytes, size_t size);

/* Constant lower-case name; NULL when unknown. */
extern const char *rig_audit_kind_name(uint8_t kind);

#endif
