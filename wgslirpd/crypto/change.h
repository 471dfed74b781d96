/* SPDX-License-Identifier: ISC */

#ifndef CHANGE_H
#define CHANGE_H

#include "proc.h"

void		 change_input(struct imsg *);

#endif
