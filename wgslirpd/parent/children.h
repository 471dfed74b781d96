/* SPDX-License-Identifier: ISC */

#ifndef CHILDREN_H
#define CHILDREN_H

#include <stddef.h>
#include <stdint.h>

#include "proc.h"

void		 children_kill(void);
void		 children_stop(int);
void		 children_died(evutil_socket_t, short, void *);
void		 children_start(enum proc_id, imsgev_fn *);
void		 children_connect(enum proc_id, enum proc_id);
int		 children_dup(int);
void		 children_queues(void);
void		 children_link(void);
int		 children_busy(void);
void		 children_send(uint32_t, const void *, size_t);

#endif
