-- check_presets(p_presets) -> void      called by: create_generation, price_items, admin_preview_prompt
-- Presets are a list of up to 10 different keys, or nothing. Whether there is such a preset is not asked: what is missing is left out.
-- Refuses: invalid_params 422
create or replace function private.check_presets(p_presets jsonb)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_presets is null or p_presets in ('null', '[]') then
    return;
  elsif jsonb_typeof(p_presets) <> 'array' or jsonb_array_length(p_presets) > 10 or exists (
      select from jsonb_array_elements(p_presets) e (preset)
      where jsonb_typeof(e.preset) <> 'string' or char_length(e.preset #>> '{}') not between 1 and 64)
    or (select count(distinct e) < count(*) from jsonb_array_elements(p_presets) e)
  then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "presets"}',
      hint = 'presets lists up to 10 different keys of presets, as GET /api/v1/prompts/presets names them.';
  end if;
end
$$;

revoke all on function private.check_presets(jsonb) from public, anon, authenticated, service_role;
