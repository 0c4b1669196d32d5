-- join_texts(m, p_prompt, p_params, p_texts) -> jsonb      called by: compose_prompt
-- {prompt, params}: event types, the user's prompt, then all the others in their order. What is negative goes into the parameter
-- negative_prompt, behind the user's own, where the model has it; else it ends the prompt as "Avoid: ...".
create or replace function private.join_texts(m public.models, p_prompt text, p_params jsonb, p_texts jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_prompt text := p_prompt;
  v_negative text;
begin
  if p_texts = '[]' then
    return jsonb_build_object('prompt', p_prompt, 'params', p_params);
  end if;
  select private.join_phrases(array_agg(t.text ->> 'content' order by t.n) filter (where t.text ->> 'category' = 'event_type')
      || btrim(p_prompt, E' \t\r\n')
      || array_agg(t.text ->> 'content' order by t.n) filter (where t.text ->> 'category' not in ('event_type', 'negative'))),
    private.join_phrases(array_agg(t.text ->> 'content' order by t.n) filter (where t.text ->> 'category' = 'negative'))
    into v_prompt, v_negative
  from jsonb_array_elements(p_texts) with ordinality t (text, n);
  if v_negative is null then
    return jsonb_build_object('prompt', v_prompt, 'params', p_params);
  elsif m.params_schema -> 'properties' ? 'negative_prompt' then
    return jsonb_build_object('prompt', v_prompt, 'params', p_params || jsonb_build_object('negative_prompt',
      private.join_phrases(array[nullif(btrim(coalesce(p_params ->> 'negative_prompt',
        m.params_schema #>> '{properties,negative_prompt,default}'), E' \t\r\n'), ''), v_negative])));
  end if;
  v_prompt := regexp_replace(v_prompt, '[,;:\s]+$', '');
  return jsonb_build_object('prompt', v_prompt || case when v_prompt ~ '[.!?]$' then ' ' else '. ' end || 'Avoid: ' || v_negative,
    'params', p_params);
end
$$;

revoke all on function private.join_texts(public.models, text, jsonb, jsonb) from public, anon, authenticated, service_role;
