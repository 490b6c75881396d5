"use strict";
// Starts Swagger UI on the description of this service; calls made from the page carry the reader's CSRF word.

document.addEventListener("DOMContentLoaded", () => {
  const csrf = document.querySelector('meta[name="csrf"]').content;
  window.SwaggerUIBundle({
    url: document.getElementById("docs").dataset.address,
    dom_id: "#docs",
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (csrf) { request.headers["x-csrf"] = csrf; }
      return request;
    },
  });
});
