/* Whether a request may act with the cookie that came with it, or was forged by a page of another site. */
#ifndef RIG_ORIGIN_CHECK_H
#define RIG_ORIGIN_CHECK_H

#include <stdbool.h>

/* What the decision depends on; a header that was not sent is NULL. */
typedef struct RigOriginFacts
{
	const char *method;
	const char *site;			/* Sec-Fetch-Site */
	const char *origin;			/* Origin */
	bool		cookie;			/* a Cookie header came along */
	bool		bearer;			/* identified by an Authorization header, cookies are ignored */
} RigOriginFacts;

typedef enum RigOriginVerdict
{
	RIG_ORIGIN_ALLOWED,
	RIG_ORIGIN_FOREIGN,			/* a page that is not ours sent it */
	RIG_ORIGIN_UNKNOWN			/* it carries a cookie, and nothing tells who sent it */
} RigOriginVerdict;

/*
 * Decides by the facts and the configured origins (scheme://host[:port], separated by commas or blanks).
 * Never by Host, which a page that points a name of its own at us would choose.
 */
extern RigOriginVerdict rig_origin_check(const RigOriginFacts *facts, const char *origins);

#endif
