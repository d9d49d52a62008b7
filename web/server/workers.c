#include "workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "buffer.h"
#include "clock.h"
#include "config.h"
#include "listener.h"
#include "problem.h"
#include "router.h"
#include "transaction.h"

#define QUEUE_MAX 2048

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_arrived;
static pthread_t *threads;
static int	thread_count;
static RigRequest *first;
static RigRequest **last_link = &first;
static int	queued;
static bool stopping;

static RigRequest *
take_first(void)
{
	RigRequest *request = first;

	first = request->next;
	if (first == NULL)
		last_link = &first;
	queued--;
	request->next = NULL;
	return request;
}

static void
serve(RigRequest *request)
{
	const RigRoute *route = request->route;

	if (route->perform != NULL)
		route->perform(request);
	else
		rig_transaction_run(request, route->access == RIG_ACCESS_PUBLIC ? RIG_TRANSACTION_NONE : RIG_TRANSACTION_ROLE,
							route->run);
	if (request->forbidden)
		rig_transaction_note_refusal(request);
	rig_listener_resume(request);
}

static void *
work(void *context)
{
	(void) context;
	pthread_mutex_lock(&lock);
	for (;;)
	{
		RigRequest *request;

		while (first == NULL && !stopping)
			pthread_cond_wait(&work_arrived, &lock);
		if (first == NULL)
			break;
		request = take_first();
		pthread_mutex_unlock(&lock);
		serve(request);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

bool
rig_workers_start(void)
{
	rig_condition_init(&work_arrived);
	threads = rig_allocate((size_t) rig_config.pool_max * sizeof(pthread_t));
	while (thread_count < rig_config.pool_max)
	{
		if (pthread_create(&threads[thread_count], NULL, work, NULL) != 0)
			return false;
		thread_count++;
	}
	return true;
}

void
rig_workers_submit(RigRequest *request)
{
	bool		full;

	rig_listener_suspend(request);
	request->queued = rig_clock_now();
	pthread_mutex_lock(&lock);
	full = queued >= QUEUE_MAX;
	if (!full)
	{
		*last_link = request;
		last_link = &request->next;
		queued++;
		pthread_cond_signal(&work_arrived);
	}
	pthread_mutex_unlock(&lock);
	if (!full)
		return;
	rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
	rig_listener_resume(request);
}

void
rig_workers_expire(int64_t now)
{
	pthread_mutex_lock(&lock);
	while (first != NULL && now - first->queued > rig_config.wait_ms)
	{
		RigRequest *request = take_first();

		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
		rig_listener_resume(request);
	}
	pthread_mutex_unlock(&lock);
}

void
rig_workers_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&work_arrived);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}
