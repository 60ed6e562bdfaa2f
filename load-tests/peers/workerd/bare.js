export default {
  fetch: (request, clusters) => clusters.south.fetch(request),
};
