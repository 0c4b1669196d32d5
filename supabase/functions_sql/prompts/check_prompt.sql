-- check_prompt(p_item, p_prompt, p_place) -> void      called by: complete_prompts
-- p_item is what was sent, p_prompt the whole prompt that it makes. A refusal names the place: prompts.17.content.
-- Refuses: invalid_params 422
create or replace function private.check_prompt(p_item jsonb, p_prompt jsonb, p_place integer)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_field text := case
    when jsonb_typeof(p_item) <> 'object' then ''
    when coalesce(jsonb_typeof(p_prompt -> 'key') <> 'string' or p_prompt ->> 'key' !~ '^[a-z0-9][a-z0-9_-]{1,63}$'
      or p_prompt ->> 'key' in ('changes', 'export', 'import', 'optimize', 'preview'), true) then 'key' -- these are routes beside the prompts'
    when coalesce(jsonb_typeof(p_prompt -> 'category') <> 'string' or p_prompt ->> 'category' !~ '^[a-z][a-z0-9_]{1,39}$', true) then 'category'
    when coalesce(jsonb_typeof(p_prompt -> 'title') <> 'string' or p_prompt ->> 'title' !~ '^[^[:cntrl:]]{1,200}$'
      or p_prompt ->> 'title' !~ '\S', true) then 'title'
    when coalesce(jsonb_typeof(p_prompt -> 'description') <> 'string' or char_length(p_prompt ->> 'description') > 1000, true) then 'description'
    when jsonb_typeof(p_prompt -> 'kinds') <> 'array' or p_prompt -> 'kinds' = '[]' or not p_prompt -> 'kinds' <@ '["image", "video"]' then 'kinds'
    when jsonb_typeof(p_prompt -> 'always') <> 'boolean' then 'always'
    when jsonb_typeof(p_prompt -> 'position') <> 'number' or p_prompt ->> 'position' !~ '^\d{1,5}$' then 'position'
    when jsonb_typeof(p_prompt -> 'active') <> 'boolean' then 'active'
    when coalesce(jsonb_typeof(p_prompt -> 'content') <> 'string' or char_length(p_prompt ->> 'content') > 4000
      or p_prompt ->> 'content' !~ '\S' or p_prompt ->> 'content' ~ '[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]', true) then 'content'
    when jsonb_typeof(p_item -> 'expected_version') <> 'number' or p_item ->> 'expected_version' !~ '^\d{1,9}$' then 'expected_version'
    else (select min(name) from jsonb_object_keys(p_item) name where name <> all (array['key', 'category', 'title', 'description', 'kinds',
      'always', 'position', 'active', 'content', 'expected_version', 'version', 'updated_at']))
  end;
begin
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params',
      detail = jsonb_build_object('field', concat_ws('.', 'prompts', p_place, nullif(v_field, '')))::text,
      hint = case v_field
        when 'key' then 'A key has 2 to 64 small letters, digits, - or _, and is not changes, export, import, optimize or preview.'
        when 'category' then 'A category has 2 to 40 small letters, digits or _: event_type, style_preset, quality, negative, or one of your own.'
        when 'title' then 'A title has 1 to 200 characters on one line.'
        when 'description' then 'A description has at most 1000 characters.'
        when 'kinds' then 'kinds lists image, video or both; audio takes no presets, because its prompt is read aloud.'
        when 'position' then 'position is a whole number from 0 to 99999.'
        when 'content' then 'content has 1 to 4000 characters, without control characters.'
        when 'expected_version' then 'expected_version is the version that you saw; 0 when there was none.'
        when '' then 'A prompt is an object with key, category and content.'
        else format('%s is not true or false, or no field of a prompt.', v_field) end;
  end if;
end
$$;

revoke all on function private.check_prompt(jsonb, jsonb, integer) from public, anon, authenticated, service_role;
