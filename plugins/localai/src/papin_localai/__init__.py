"""LocalAI for papin; the plugin's module is `papin_localai.plugin`."""
