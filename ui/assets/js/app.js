// Everything that makes a page alive, a module for each.
import "./ages.js";
import "./live.js";
