/* SPDX-License-Identifier: ISC */

#ifndef PRINT_H
#define PRINT_H

#include "config.h"

void		 print_config(const struct config *);

#endif
