/* SPDX-License-Identifier: ISC */

#ifndef SHOW_H
#define SHOW_H

#include "ctl.h"

/* Tell the control engine: what a new peer's configuration is made of, ... */
void	 show_setup(uint32_t);

/* A path, from wherever it is seen. */
void	 show_absolute(char [CTL_PATH_LEN], const char *);

/* ... and where this gateway listens. */
void	 show_interfaces(uint32_t, const struct ctl_request *);

#endif
