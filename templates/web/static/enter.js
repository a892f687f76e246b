// Takes the token of a one-time link from after the #, where no server log sees it, into the form.
"use strict";
(() => {
  const form = document.getElementById("key");
  if (!form) return;
  const take = () => {
    const token = location.hash.slice(1);
    if (!token) return;
    form.elements.token.value = token;
    form.classList.add("ready");
    document.getElementById("about").textContent = "Your link is here. It works once.";
    history.replaceState(null, "", location.pathname + location.search);
    form.querySelector("button").focus();
  };
  addEventListener("hashchange", take);
  take();
})();
