/* SPDX-License-Identifier: ISC */

#ifndef MSG_CHECK_H
#define MSG_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h"

/*
 * What is wrong with a message of this type and length, with a descriptor
 * or without, from one process to the other; NULL if it may be sent.
 */
const char	*msg_wrong(enum proc_id, enum proc_id, uint32_t, size_t, int);

/* A message's name, for logs. */
const char	*msg_name(uint32_t);

#endif
