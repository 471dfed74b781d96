/* SPDX-License-Identifier: ISC */

#ifndef SHOW_H
#define SHOW_H

#include "proc.h"

void		 slirp_show_request(struct imsgev *, struct imsg *);

#endif
