/* link: -shared -nostdlib */
/* The object that row 1 preloads for comparison: what the loader alone costs. */
