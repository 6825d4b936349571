{{ config(incremental_strategy='insert_new', indexes=[{'columns': ['load_id']}]) }}

{{ rejected_events(
    'door_openings', ref('stg_door_openings__events'), key_text='opening_id_text', time_text='opened_at_text'
) }}
