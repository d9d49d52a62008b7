#include "sse_session.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

RigStreamSession *
rig_stream_sessions_find(const RigStreamSessions *sessions, int id)
{
	RigStreamSession *session = sessions->first;

	while (session != NULL && session->id != id)
		session = session->next;
	return session;
}

RigStreamSession *
rig_stream_sessions_add(RigStreamSessions *sessions, int id, const char *token, const RigMachineList *visible,
						uint64_t since)
{
	RigStreamSession *session = rig_allocate(sizeof(*session));

	*session = (RigStreamSession) {.id = id, .since = since, .next = sessions->first};
	memcpy(session->token, token, sizeof(session->token));
	session->visible = rig_machine_list_copy(visible);
	sessions->first = session;
	sessions->generation++;
	return session;
}

void
rig_stream_sessions_remove(RigStreamSessions *sessions, RigStreamSession *session)
{
	RigStreamSession **link = &sessions->first;

	while (*link != session)
		link = &(*link)->next;
	*link = session->next;
	sessions->generation++;
	rig_machine_list_release(&session->visible);
	OPENSSL_cleanse(session, sizeof(*session));
	free(session);
}

static int
compare_watchers(const void *a, const void *b)
{
	const RigMachineList *left = &((const RigWatcher *) a)->visible;
	const RigMachineList *right = &((const RigWatcher *) b)->visible;

	if (left->all != right->all)
		return left->all ? -1 : 1;
	return right->count - left->count;
}

RigWatcher *
rig_stream_sessions_copy(const RigStreamSessions *sessions, int *count)
{
	RigWatcher *watchers;
	int			number = 0;

	for (const RigStreamSession *session = sessions->first; session != NULL; session = session->next)
		number++;
	watchers = rig_allocate((size_t) (number > 0 ? number : 1) * sizeof(RigWatcher));
	*count = 0;
	for (const RigStreamSession *session = sessions->first; session != NULL; session = session->next)
	{
		RigWatcher *watcher = &watchers[(*count)++];

		watcher->id = session->id;
		memcpy(watcher->token, session->token, sizeof(watcher->token));
		watcher->visible = rig_machine_list_copy(&session->visible);
	}
	qsort(watchers, (size_t) number, sizeof(RigWatcher), compare_watchers);
	return watchers;
}

void
rig_watchers_release(RigWatcher *watchers, int count)
{
	for (int i = 0; i < count; i++)
	{
		rig_machine_list_release(&watchers[i].visible);
		OPENSSL_cleanse(&watchers[i], sizeof(watchers[i]));
	}
	free(watchers);
}
