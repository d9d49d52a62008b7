/* Versions of models in their table, and the rights under which they are kept. */
#ifndef RIG_MODEL_STORE_H
#define RIG_MODEL_STORE_H

#include "model.h"

/* Who the caller was, while the owner of the tables acts. */
typedef struct RigCaller
{
	Oid			user;
	int			security_context;
	int			row_security_level;
} RigCaller;

/*
 * Acts as the owner of rigalpha.model_versions until rig_resume_caller(); an error in between
 * does that by itself. Nothing of the caller's may run meanwhile.
 */
extern RigCaller rig_become_owner(void);
extern void rig_resume_caller(RigCaller caller);

/* The instruction set that kernels use on this machine. */
extern const char *rig_isa_name(void);

#endif
