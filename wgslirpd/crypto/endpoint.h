/* SPDX-License-Identifier: ISC */

#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "proc.h"

void		 endpoint_input(struct imsgev *, struct imsg *);
void		 endpoint_flush(void);

#endif
