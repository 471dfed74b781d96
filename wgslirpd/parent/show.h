/* SPDX-License-Identifier: ISC */

#ifndef SHOW_H
#define SHOW_H

#include "ctl.h"

/* Tell the control engine: what a new peer's configuration is made of, ... */
void	 show_setup(uint32_t);

/* ... and where this gateway listens. */
void	 show_interfaces(uint32_t, const struct ctl_request *);

#endif
