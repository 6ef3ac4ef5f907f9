// Everything that makes a page alive, a module for each.
import "./live.js";
import "./copy.js";
