/* SPDX-License-Identifier: ISC */

#ifndef OUTPUT_H
#define OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"

/*
 * How answers are shown.  Each function gets one record; head and tail
 * enclose the records of one command, whose request type they get.
 */
struct output {
	void	 (*head)(uint32_t);
	void	 (*summary)(const struct ctl_summary *);
	void	 (*peer)(const struct ctl_peer *, const struct ctl_peerflows *,
		    const struct ipprefix *, size_t);
	void	 (*flow)(const struct ctl_flow *);
	void	 (*counter)(const char *, const char *, uint64_t);
	void	 (*process)(const struct ctl_process *);
	void	 (*rule)(const struct ctl_rule *);
	void	 (*entry)(const struct ctl_entry *);
	void	 (*event)(const struct ctl_event *);
	void	 (*tail)(uint32_t);
};

/* Text: everything about each record, however wide that is. */
extern int	 output_wide;

extern const struct output	 output_text;
extern const struct output	 output_json;
extern const struct output	 output_ometric;

#endif
