-- priced_quantity(p_unit, p_schema, p_prompt, p_params) -> numeric      called by: price_generation, expected_cost
-- How much of the unit a request is. Refuses: invalid_params 422
create or replace function private.priced_quantity(p_unit text, p_schema jsonb, p_prompt text, p_params jsonb)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case p_unit
    when 'images' then private.number_param(p_schema, p_params, 'num_images')
    when 'seconds' then private.number_param(p_schema, p_params, 'seconds')
    when 'megapixels' then private.number_param(p_schema, p_params, 'width')
      * private.number_param(p_schema, p_params, 'height')
      * case when p_schema -> 'properties' ? 'num_images' then private.number_param(p_schema, p_params, 'num_images') else 1 end
      / 1000000
    when 'thousand_characters' then char_length(coalesce(p_prompt, '')) / 1000.0
    else 0
  end;
end
$$;

revoke all on function private.priced_quantity(text, jsonb, text, jsonb) from public, anon, authenticated, service_role;
