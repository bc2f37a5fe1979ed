// Search of the documentation site, in place of mkdocs' own, which does nothing where the pages are opened from a folder: there a
// browser lets a page start no worker and read no JSON. The index is a script here.
(function () {
  "use strict";
  var here = document.currentScript.src.replace(/main\.js.*$/, "");

  function load(name, then) {
    var script = document.createElement("script");
    script.src = here + name;
    script.onload = then;
    document.head.appendChild(script);
  }

  function element(name, text, parent) {
    var made = document.createElement(name);
    made.textContent = text;
    parent.appendChild(made);
    return made;
  }

  function start() {
    var docs = window.vitinspectSearch.docs;
    var input = document.getElementById("mkdocs-search-query");
    var list = document.getElementById("mkdocs-search-results");
    if (!input || !list) return;
    var places = {};
    var index = lunr(function () {
      this.field("title", { boost: 10 });
      this.field("text");
      this.ref("location");
      docs.forEach(function (doc) {
        places[doc.location] = doc;
        this.add(doc);
      }, this);
    });

    function found(words) {
      // What is typed may be the beginning of a word; signs of lunr's own language are taken as blanks.
      return index.query(function (query) {
        lunr.tokenizer(words.replace(/[:~^+*]/g, " ")).forEach(function (token) {
          query.term(token.toString(), { usePipeline: true, boost: 5 });
          query.term(token.toString(), { usePipeline: false, wildcard: lunr.Query.wildcard.TRAILING });
        });
      });
    }

    function show() {
      list.textContent = "";
      if (input.value.trim().length < 3) return;
      var results = found(input.value);
      results.slice(0, 50).forEach(function (result) {
        var doc = places[result.ref];
        var article = element("article", "", list);
        element("a", doc.title, element("h3", "", article)).href = here + "../" + doc.location;
        element("p", doc.text.slice(0, 200), article);
      });
      if (!results.length) element("p", "Nothing was found.", list);
    }

    input.addEventListener("input", show);
    var asked = new URLSearchParams(window.location.search).get("q");
    if (asked) {
      input.value = asked;
      show();
    }
  }

  load("lunr.js", function () {
    load("search_index.js", start);
  });
})();
