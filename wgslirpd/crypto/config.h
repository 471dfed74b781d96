/* SPDX-License-Identifier: ISC */

#ifndef CONFIG_H
#define CONFIG_H

#include "proc.h"

void		 config_drop_own_key(void);
void		 config_stage(struct imsg *);
void		 config_commit(void);

#endif
