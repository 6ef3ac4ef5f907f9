// Listens to /ui/events and says on <body> what has moved: "yardarm:environment", "yardarm:proposals",
// "yardarm:deliveries", "yardarm:sync". <main data-live="…"> is loaded anew for those that it names.
