"""ONNX for papin; the plugin's module is `papin_onnx.plugin`."""
