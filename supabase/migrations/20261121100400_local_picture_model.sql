-- The model that every installation can run: pictures drawn by the worker itself, offline.
set lock_timeout = '4s';
set statement_timeout = '60s';

insert into public.models (
  id, provider, kind, title, description, base_credits, unit, unit_credits, max_credits, timeout_seconds, params_schema)
values (
  'local/picture', 'local', 'image', 'Local picture',
  'Draws a picture from the words of your prompt, without a network. The same prompt and seed give the same picture.',
  0, 'images', 4, 16, 120, $json${
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": false,
    "properties": {
      "num_images": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1, "description": "How many pictures to draw."},
      "width": {"type": "integer", "minimum": 64, "maximum": 2048, "multipleOf": 8, "default": 768, "description": "Width in pixels, a multiple of 8."},
      "height": {"type": "integer", "minimum": 64, "maximum": 2048, "multipleOf": 8, "default": 768, "description": "Height in pixels, a multiple of 8."},
      "style": {"type": "string", "enum": ["auto", "landscape", "abstract", "geometric", "night"], "default": "auto", "description": "auto chooses one from the prompt."},
      "format": {"type": "string", "enum": ["png", "webp"], "default": "png", "description": "File format of the pictures."},
      "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "description": "Same prompt and seed, same picture. Without it the seed comes from the generation's id."}
    }
  }$json$);
