/* SPDX-License-Identifier: ISC */

#ifndef EGRESS_H
#define EGRESS_H

#include "config.h"

/*
 * egress_begin() says whose egress, and interface, the others are about.  Those
 * take their string, and return 0, or -1 after telling what is wrong.
 */
void	 egress_begin(struct conf_egress *, char *);
int	 egress_word(char *);
int	 egress_nat64(struct config *, char *);
int	 egress_source(char *, int);
int	 egress_rotate(char *);
int	 egress_interface(char *);

#endif
