/* SPDX-License-Identifier: ISC */

#ifndef CHILDREN_H
#define CHILDREN_H

#include <stddef.h>
#include <stdint.h>

#include "proc.h"

void		 children_kill(void);
void		 children_stop(int);
void		 children_died(evutil_socket_t, short, void *);
void		 children_start(int, imsgev_fn *);
void		 children_connect(int, int);
int		 children_dup(int);
void		 children_queues(uint32_t);
void		 children_link(void);
void		 children_across(enum proc_id);
int		 children_busy(void);
void		 children_send(uint32_t, const void *, size_t);

#endif
