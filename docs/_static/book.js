// Excerpts of search results are fetched, which a browser does not allow for files: show none there, rather than errors.
if (typeof DOCUMENTATION_OPTIONS != 'undefined' && location.protocol === 'file:') DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false
