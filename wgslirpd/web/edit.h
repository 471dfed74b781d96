/* SPDX-License-Identifier: ISC */

#ifndef EDIT_H
#define EDIT_H

#include "ctl.h"
#include "httpd.h"

/*
 * Changes: of a peer's file, by the files engine, and the end of a flow.  Each
 * answers when it is done, {} or what a new peer's client needs; who has asked
 * for it may be gone by then.
 */
void	 edit_peer(struct httpd_conn *, const struct ctl_edit *);
void	 edit_kill_flow(struct httpd_conn *, uint64_t);

/*
 * Questions to the daemon whose answers are told as they come: "flows" of a
 * peer or all ("" or NULL), "rules", "names", "processes".
 */
void	 edit_show(struct httpd_conn *, const char *, const char *);

#endif
