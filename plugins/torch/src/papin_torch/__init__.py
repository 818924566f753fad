"""Formats of PyTorch's world for papin; the plugin's module is `papin_torch.plugin`."""
