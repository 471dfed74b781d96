/* SPDX-License-Identifier: ISC */

#ifndef ENV_H
#define ENV_H

#include "config.h"

/* The configuration that the environment describes. */
struct config	*config_env(int, char *, size_t);

#endif
