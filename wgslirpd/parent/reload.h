/* SPDX-License-Identifier: ISC */

#ifndef RELOAD_H
#define RELOAD_H

#include <imsg.h>

void		 reload_steer(struct imsg *, uint32_t);
void		 reload_ready(void);
void		 reload_staged(void);
void		 reload_committed(void);
void		 change_done(int);
void		 change_msg(struct imsg *);
void		 reload(void);

#endif
