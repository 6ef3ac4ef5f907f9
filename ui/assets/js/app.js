// Everything that makes a page alive, a module for each.
import "./ages.js";
import "./frame.js";
import "./cut.js";
import "./palette.js";
import "./keys.js";
import "./live.js";
import "./lists.js";
import "./edit.js";
import "./copy.js";
import "./draft.js";
import "./tray.js";
import "./choices.js";
