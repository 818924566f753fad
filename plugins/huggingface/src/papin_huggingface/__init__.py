"""The Hugging Face Hub for papin; the plugin's module is `papin_huggingface.plugin`."""
