-- builtin_prompts() -> (key, category, content)      called by: choose_presets, preset_texts
-- The most usual of supabase/prompts.json, in short: what stands in for a chosen preset that has no active row, so that a database without its prompts still makes what was asked for.
-- Their content never changes, for a queued generation names them without a version; a better one belongs into a row.
create or replace function private.builtin_prompts()
returns table (key text, category text, content text)
language sql
immutable
set search_path = ''
as $$
  values
    ('birthday', 'event_type', 'a birthday party among friends, cake with lit candles'),
    ('wedding', 'event_type', 'a wedding celebration, fresh flowers, airy fabrics'),
    ('3d-render', 'style_preset', '3D render, soft area lights'),
    ('line-art', 'style_preset', 'clean line art, black strokes on plain white, no shading'),
    ('oil-painting', 'style_preset', 'oil painting on canvas, visible brush strokes'),
    ('photo', 'style_preset', 'photograph, available light, realistic textures'),
    ('watercolor', 'style_preset', 'watercolor painting, soft washes, visible paper grain'),
    ('quality-base', 'quality', 'balanced composition, sharp focus, coherent light and perspective'),
    ('no-flaws', 'negative', 'watermark, signature, jpeg artifacts, distorted anatomy');
$$;

revoke all on function private.builtin_prompts() from public, anon, authenticated, service_role;
