-- A starting set of models at fal. They need FAL_KEY_1; without it they are listed as not available.
--
-- Prices assume that a credit is sold for about 0.01 USD and leave at least a third of that after fal's part. fal rounds
-- megapixels up per picture, so the cost here, which does not, is a little low for small pictures; what fal bills is told by
-- the provider and counts instead wherever it tells. Costs as published for these models, partly by third
-- parties that list fal's prices, read on 2026-11-21; compare them with your bill before you rely on a margin:
--   flux/schnell 0.003 and flux/dev 0.025 USD per megapixel · recraft/upscale/crisp 0.004 per picture
--   ltx-2.3/text-to-video/fast 0.04 per second at 1080p · kokoro 0.02 per 1000 characters
--   fast-sdxl has no published price per picture, so its cost is not known beforehand.
set lock_timeout = '4s';
set statement_timeout = '60s';

insert into public.models (
  id, provider, provider_model, kind, title, description, base_credits, unit, unit_credits, max_credits,
  cost_base_micros, cost_unit_micros, max_prompt_chars, late_settle, max_attempts, timeout_seconds, hold_seconds, params_schema)
values
  ('fal/flux-schnell', 'fal', 'fal-ai/flux/schnell', 'image', 'FLUX.1 schnell', 'Good pictures in a second or two. Best for drafts and large numbers.',
   0, 'megapixels', 1, 20, 0, 3000, 2000, 'collect', 3, 180, 86400, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "width": {"type": "integer", "minimum": 256, "maximum": 2048, "multipleOf": 8, "default": 1024, "description": "Width in pixels, a multiple of 8."},
       "height": {"type": "integer", "minimum": 256, "maximum": 2048, "multipleOf": 8, "default": 768, "description": "Height in pixels, a multiple of 8."},
       "num_images": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1, "description": "How many pictures to make."},
       "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 12, "default": 4, "description": "More steps, more detail; it was made for 1 to 4."},
       "output_format": {"type": "string", "enum": ["jpeg", "png"], "default": "jpeg", "description": "File format of the pictures."},
       "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "description": "Same prompt and seed, same picture."}
     }}$json$),
  ('fal/flux-dev', 'fal', 'fal-ai/flux/dev', 'image', 'FLUX.1 dev', 'Detailed pictures that follow long prompts closely.',
   0, 'megapixels', 5, 100, 0, 25000, 2000, 'collect', 3, 300, 86400, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "width": {"type": "integer", "minimum": 256, "maximum": 2048, "multipleOf": 8, "default": 1024, "description": "Width in pixels, a multiple of 8."},
       "height": {"type": "integer", "minimum": 256, "maximum": 2048, "multipleOf": 8, "default": 768, "description": "Height in pixels, a multiple of 8."},
       "num_images": {"type": "integer", "minimum": 1, "maximum": 4, "default": 1, "description": "How many pictures to make."},
       "num_inference_steps": {"type": "integer", "minimum": 10, "maximum": 50, "default": 28, "description": "More steps, more detail, more time."},
       "guidance_scale": {"type": "number", "minimum": 1, "maximum": 20, "default": 3.5, "description": "How closely to keep to the prompt."},
       "output_format": {"type": "string", "enum": ["jpeg", "png"], "default": "jpeg", "description": "File format of the pictures."},
       "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "description": "Same prompt and seed, same picture."}
     }}$json$),
  ('fal/sdxl', 'fal', 'fal-ai/fast-sdxl', 'image', 'Stable Diffusion XL', 'Many styles, and a prompt for what should not be there.',
   0, 'images', 2, 16, null, null, 2000, 'collect', 3, 180, 86400, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "width": {"type": "integer", "minimum": 256, "maximum": 1536, "multipleOf": 8, "default": 1024, "description": "Width in pixels, a multiple of 8."},
       "height": {"type": "integer", "minimum": 256, "maximum": 1536, "multipleOf": 8, "default": 1024, "description": "Height in pixels, a multiple of 8."},
       "num_images": {"type": "integer", "minimum": 1, "maximum": 8, "default": 1, "description": "How many pictures to make."},
       "negative_prompt": {"type": "string", "maxLength": 1000, "default": "", "description": "What should not be in the picture."},
       "num_inference_steps": {"type": "integer", "minimum": 10, "maximum": 50, "default": 25, "description": "More steps, more detail, more time."},
       "guidance_scale": {"type": "number", "minimum": 0, "maximum": 20, "default": 7.5, "description": "How closely to keep to the prompt."},
       "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "description": "Same prompt and seed, same picture."}
     }}$json$),
  ('fal/upscale', 'fal', 'fal-ai/recraft/upscale/crisp', 'image', 'Upscale', 'Makes a picture of yours larger and sharper. The prompt is only a note of yours.',
   2, null, 0, 2, 4000, 0, 500, 'collect', 3, 300, 86400, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false, "required": ["image"],
     "properties": {
       "image": {"type": "string", "format": "storage-path", "maxLength": 500, "description": "The picture: bucket and path of a file of yours, such as images/<your id>/cat.png."}
     }}$json$),
  ('fal/ltx-video', 'fal', 'fal-ai/ltx-2.3/text-to-video/fast', 'video', 'LTX 2.3 fast', 'Video in 1080p with sound, 6 to 20 seconds.',
   0, 'seconds', 8, 160, 0, 40000, 2000, 'collect', 3, 1200, 86400, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "seconds": {"type": "integer", "minimum": 6, "maximum": 20, "multipleOf": 2, "default": 6, "description": "Length in seconds, an even number."},
       "aspect_ratio": {"type": "string", "enum": ["16:9", "9:16"], "default": "16:9", "description": "Shape of the picture."},
       "generate_audio": {"type": "boolean", "default": true, "description": "Whether it has sound."}
     }}$json$),
  ('fal/kokoro', 'fal', 'fal-ai/kokoro/american-english', 'audio', 'Kokoro speech', 'Reads the prompt aloud in American English.',
   0, 'thousand_characters', 4, 80, 0, 20000, 20000, 'collect', 3, 300, 86400, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "voice": {"type": "string", "enum": ["af_heart", "af_bella", "af_nicole", "af_sarah", "af_sky", "am_adam", "am_michael", "am_puck"], "default": "af_heart", "description": "Whose voice: af_ are women, am_ are men."},
       "speed": {"type": "number", "minimum": 0.5, "maximum": 2, "default": 1, "description": "1 is as people speak."}
     }}$json$);
