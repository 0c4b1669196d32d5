-- complete_prompts(p_items) -> jsonb      called by: act_write_prompts, which holds the lock of the prompts
-- Each item as the whole prompt that it makes: fields that it leaves out stay as they are, or get a default in a new prompt.
-- Refuses, for the first item that is wrong: prompt_not_found 404 · invalid_params 422. When none is: invalid_state 409
create or replace function private.complete_prompts(p_items jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_prompts jsonb := '[]';
  v_keys text[] := '{}';
  v_stale text[] := '{}';
  v_item jsonb;
  v_known jsonb;
  v_prompt jsonb;
begin
  if jsonb_typeof(p_items) is distinct from 'array' or jsonb_array_length(p_items) not between 1 and 500 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "prompts"}', hint = 'Send 1 to 500 prompts.';
  end if;
  for v_item in select e from jsonb_array_elements(p_items) e loop
    v_known := private.prompt_json(v_item ->> 'key', private.prompt_state(v_item ->> 'key'));
    v_prompt := coalesce(v_known, jsonb_build_object('title', v_item -> 'key', 'description', '', 'kinds', array['image', 'video'],
      'always', false, 'position', 100, 'active', true)) || case jsonb_typeof(v_item) when 'object' then v_item else '{}' end;
    if v_known is null and jsonb_typeof(v_item -> 'expected_version') = 'number' and v_item -> 'expected_version' > '0' then
      raise exception using errcode = 'PT404', message = 'prompt_not_found',
        detail = jsonb_build_object('key', v_item -> 'key')::text, hint = format('There is no prompt %s.', v_item ->> 'key');
    end if;
    perform private.check_prompt(v_item, v_prompt, cardinality(v_keys));
    if v_item ->> 'key' = any (v_keys) then
      raise exception using errcode = 'PT422', message = 'invalid_params',
        detail = jsonb_build_object('field', format('prompts.%s.key', cardinality(v_keys)))::text,
        hint = format('%s is there twice.', v_item ->> 'key');
    elsif (v_item -> 'expected_version')::integer <> coalesce((v_known -> 'version')::integer, 0) then
      v_stale := v_stale || (v_item ->> 'key');
    end if;
    v_keys := v_keys || (v_item ->> 'key');
    v_prompts := v_prompts || v_prompt;
  end loop;
  if v_stale <> '{}' then
    perform private.refuse_stale_prompts(v_stale);
  end if;
  return v_prompts;
end
$$;

revoke all on function private.complete_prompts(jsonb) from public, anon, authenticated, service_role;
