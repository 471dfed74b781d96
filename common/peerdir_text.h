/* SPDX-License-Identifier: ISC */

#ifndef PEERDIR_TEXT_H
#define PEERDIR_TEXT_H

#include "peerdir_base.h"

/* A text that grows; s is NULL when there was no memory for it. */
struct text {
	char	*s;
	size_t	 len;
};

void	 pd_text_free(struct text *);		/* it is wiped */
int	 pd_make_texts(struct peerdir *, const struct peer_wish *,
	    struct text *, struct text *);
int	 pd_other_values(struct peerdir *, const struct peer_wish *,
	    const char *, struct text *);

/* The text of the file, whose peer is called old, with the name new. */
int	 pd_other_name(struct peerdir *, const char *, const char *,
	    const char *, const char *, struct text *);

#endif
