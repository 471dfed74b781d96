/* SPDX-License-Identifier: ISC */

#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>

/* The page's own files, which are in the program; path is NULL at the end. */
struct page_file {
	const char		*path;
	const char		*type;
	const unsigned char	*data;
	size_t			 len;
};
extern const struct page_file	 page_files[];

#endif
